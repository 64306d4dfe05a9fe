"""Holds a worker in by means of the kernel; nothing here relies on what Python would refuse."""
