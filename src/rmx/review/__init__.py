"""What people are asked: which answers to rate."""
