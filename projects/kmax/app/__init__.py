"""The page in the browser; it needs Gradio."""
