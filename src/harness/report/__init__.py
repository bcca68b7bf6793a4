"""All runs in one HTML page: rows and columns of any program's runs, the page, and a server while runs train."""
