"""The nouns of the harness: config, provenance, dataset, plan, launch, worker, record and what they need."""
