"""One catalogue of what can be wrong with a client: for the audit, the doctor and the panel.

`model` says what a rule is; `keys` (QK1xx), `records` (QK2xx), `clients` (QK3xx) and `access` (QK4xx to QK6xx) have the
rules; `catalogue` has all of them by name. `checks` names what the doctor checks, `fixes` what a finding is fixed by.
"""
