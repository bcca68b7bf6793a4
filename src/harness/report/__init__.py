"""All runs in one HTML file: `rows` makes plain columns of them, `page` the file, `serve` shows it while runs go on."""
