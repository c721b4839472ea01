"""The product: everything but the triggers. Imports point one way; see docs/design.md."""
