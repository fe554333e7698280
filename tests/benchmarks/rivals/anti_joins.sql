-- Two anti-joins by hand: no count, no reason, no customer, no due moment, no scope.
SELECT b.id FROM private_bookings b
WHERE b.status IN ('draft', 'confirmed') AND b.event_date + b.start_time > timezone('Europe/London', now())
  AND NOT EXISTS (SELECT FROM private_booking_sms_queue q
                  WHERE q.booking_id = b.id AND q.status NOT IN ('failed', 'cancelled'));
SELECT b.id FROM private_bookings b
WHERE b.status IN ('draft', 'confirmed') AND b.event_date + b.start_time > timezone('Europe/London', now())
  AND b.calendar_event_id IS NULL;
