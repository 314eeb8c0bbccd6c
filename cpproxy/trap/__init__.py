"""The trap: mitmproxy's proxy core, a certificate authority and DNS, in a process of their own that alone imports this.

It catches what goes past the front, whatever it is, and reaches nothing: see `guard` for the locks. It tells the
front's process what it sees (`cpproxy.core.sightings`) and lives as long as that does.
"""
