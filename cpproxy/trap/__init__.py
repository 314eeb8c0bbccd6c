"""What catches misroutes, on mitmproxy; imported only by its own process."""
