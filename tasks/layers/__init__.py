"""Parts that heads and scores of tasks are made of."""
