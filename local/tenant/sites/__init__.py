"""Sites: their state, what people do to lists and pages, and how Graph shows them."""
