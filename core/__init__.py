"""What every app stands on: connections, kinds of request, text rules, base pages, jobs, mail."""
