"""What stays: what runs prove. Verdicts, comparisons and tests of significance."""
