"""The plugins a host starts and calls."""
