"""Published messages: additive only; readers ignore what they do not know."""
