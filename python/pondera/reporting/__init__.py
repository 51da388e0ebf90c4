"""The report: `report` analyses two samples, `render_html` shows the result."""
