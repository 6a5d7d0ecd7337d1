"""Results to sections to one offline HTML file."""
