"""What chatbots learn: sources, and the chunks that they are found by."""
