"""Tenant simulator: a Microsoft Graph v1.0 look-alike over HTTP, many tenants in one process.

Here lives everything that plays the customer's side: directory, mailboxes, drives, delta cursors, import and upload
sessions, faults, the request log and the control interface. It imports nothing of the product and the product
imports nothing of it; both meet on HTTP only.
"""
