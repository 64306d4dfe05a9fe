"""What a Python script may call inside QNTX; standard library only."""

__version__ = "0.1.0"
