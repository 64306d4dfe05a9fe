"""The qntx command, one module a subcommand."""
