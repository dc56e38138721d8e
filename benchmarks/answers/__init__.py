"""How well chatbots answer: questions with known answers, asked of chatbots."""
