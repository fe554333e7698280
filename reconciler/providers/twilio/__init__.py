"""Twilio behind `ports.SmsGateway`."""
