"""`make drill`: what each outage does to the service, measured on real processes.

A tool of development like benchmarks/: it starts engines in throwaway folders, the service as
gunicorn serves it and a worker, puts a load on them of which every answer is known, causes one
fault after another, and prints what came of it.
"""
