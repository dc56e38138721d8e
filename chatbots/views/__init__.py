"""Dashboard → Chatbots, and Usage."""
