"""How the services of a compose project are wired: what each finds where, before anything runs."""
