"""What a plugin calls on its host."""
