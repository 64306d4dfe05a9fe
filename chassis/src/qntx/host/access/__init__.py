"""Who may do what on this host: tokens, logins, roles."""
