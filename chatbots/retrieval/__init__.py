"""Finding the passages of a chatbot's sources that a question is about."""
