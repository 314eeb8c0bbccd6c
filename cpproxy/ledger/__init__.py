"""Every call and what became of it: a journal that is appended first, and the database filled from it."""
