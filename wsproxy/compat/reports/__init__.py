"""A run as text: Markdown, JSON, JUnit and a page. Values in, text out."""
