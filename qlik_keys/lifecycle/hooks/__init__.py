"""Hooks: what is told to a consumer once a client has a new current key ("restart that deployment").

A hook is defined on the machine that runs the operation, never in the store: anyone who may write a record can name
one, and cannot say what it runs. The record keeps the names of those that are still to succeed.
"""
