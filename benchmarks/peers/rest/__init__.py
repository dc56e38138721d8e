"""(d) Django REST framework with djangorestframework-api-key and the framework's throttle."""
