"""What a person sees of a browser's own description."""

from django import template

from accounts import devices

register = template.Library()
register.filter("device", devices.device)
