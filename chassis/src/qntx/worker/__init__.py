"""The far side of the fork, where user code runs. Standard library only."""
