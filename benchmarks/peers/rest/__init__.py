"""(d) Django REST framework, djangorestframework-api-key and the framework's throttle."""
