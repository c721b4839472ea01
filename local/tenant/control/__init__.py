"""The control interface: what tests and the demo make and change in a tenant."""
