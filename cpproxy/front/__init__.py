"""The reverse proxy that sits where the control plane would be, on aiohttp."""
