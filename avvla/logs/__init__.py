"""Raw logs of any source behind one interface, and what is common to reading them."""
