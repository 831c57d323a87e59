"""Telling people of an audit's findings by webhook, chat or mail, once per finding and change."""

from qlik_keys.fleet.notifications.notify import Delivery, Notified, notify, notify_fleet, notify_found

__all__ = ["Delivery", "Notified", "notify", "notify_fleet", "notify_found"]
