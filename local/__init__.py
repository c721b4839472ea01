"""The embedded default: functions host, tenant simulator and demo. Never imported by the product."""
