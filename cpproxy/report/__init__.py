"""What people and pipelines read: text, JSON, GitHub annotations, JUnit, Markdown."""
