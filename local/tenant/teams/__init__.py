"""Teams: their state, what people do in them, and how Graph shows them."""
