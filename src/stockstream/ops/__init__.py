"""What the operations scripts call."""
