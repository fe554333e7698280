-- The reference application: bookings, customers and the queue of texts, with the traps that real ones have.
-- Roles belong to the whole server, so each is created only once.

DO $$
DECLARE role_name text;
BEGIN
    FOREACH role_name IN ARRAY ARRAY['venue_owner', 'venue_app', 'reconciler_job', 'reconciler_reader'] LOOP
        BEGIN
            EXECUTE format('CREATE ROLE %I LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE', role_name);
        EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
        END;
    END LOOP;
END
$$;

CREATE TABLE public.customers (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    first_name text NOT NULL,
    last_name text,
    mobile_number text,
    mobile_e164 text,
    email text,
    sms_opt_in boolean DEFAULT true,
    sms_status text DEFAULT 'active' CHECK (sms_status IN ('active', 'sms_deactivated', 'opted_out')),
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE public.private_bookings (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    customer_id uuid REFERENCES public.customers (id),
    customer_name text NOT NULL,
    customer_first_name text,
    customer_last_name text,
    contact_phone text,
    contact_email text,
    event_date date NOT NULL,
    start_time time NOT NULL,
    end_time time,
    end_time_next_day boolean DEFAULT false,
    setup_date date,
    setup_time time,
    guest_count integer CHECK (guest_count >= 0),
    event_type text,
    status text DEFAULT 'draft' CHECK (status IN ('draft', 'confirmed', 'completed', 'cancelled')),
    deposit_amount numeric(10, 2) DEFAULT 250,
    deposit_paid_date timestamptz,
    balance_due_date date,
    final_payment_date timestamptz,
    discount_type text,
    discount_amount numeric(10, 2),
    discount_reason text,
    hold_expiry timestamptz,
    calendar_event_id text,
    contract_version integer DEFAULT 0,
    internal_notes text,
    customer_requests text,
    special_requirements text,
    accessibility_needs text,
    cancelled_at timestamptz,
    cancellation_reason text,
    total_amount numeric(10, 2),
    source text,
    date_tbd boolean NOT NULL DEFAULT false,
    created_by uuid,
    created_at timestamptz NOT NULL DEFAULT timezone('utc', now()),  -- wrong by the session's offset, as in real life
    updated_at timestamptz NOT NULL DEFAULT timezone('utc', now()),
    CONSTRAINT times_in_order CHECK (end_time IS NULL OR end_time > start_time OR end_time_next_day)
);
CREATE INDEX private_bookings_created_at ON public.private_bookings (created_at);

CREATE TABLE public.private_booking_sms_queue (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    booking_id uuid NOT NULL REFERENCES public.private_bookings (id) ON DELETE CASCADE,
    trigger_type text NOT NULL CHECK (trigger_type IN (
        'booking_created', 'booking_confirmed', 'booking_completed', 'booking_cancelled', 'booking_expired',
        'deposit_received', 'deposit_reminder_7day', 'deposit_reminder_1day', 'final_payment_received',
        'balance_reminder_14day', 'balance_reminder_1day', 'event_reminder_1d', 'setup_reminder', 'date_changed',
        'payment_due', 'urgent', 'reminder', 'review_request', 'manual')),
    template_key text NOT NULL,
    scheduled_for timestamptz NOT NULL,
    message_body text NOT NULL,
    customer_phone text NOT NULL,
    customer_name text NOT NULL,
    recipient_phone text,
    status text DEFAULT 'pending' CHECK (status IN ('pending', 'approved', 'sent', 'cancelled', 'failed')),
    approved_by uuid,
    approved_at timestamptz,
    sent_at timestamptz,
    twilio_message_sid text,
    error_message text,
    created_at timestamptz NOT NULL DEFAULT timezone('utc', now()),
    created_by uuid,
    priority integer DEFAULT 3 CHECK (priority BETWEEN 1 AND 5),
    metadata jsonb DEFAULT '{}',
    skip_conditions jsonb
);
CREATE INDEX private_booking_sms_queue_booking ON public.private_booking_sms_queue (booking_id);

CREATE FUNCTION public.touch_updated_at() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.updated_at := clock_timestamp();
    RETURN NEW;
END
$$;
CREATE TRIGGER private_bookings_touch BEFORE UPDATE ON public.private_bookings
    FOR EACH ROW EXECUTE FUNCTION public.touch_updated_at();

CREATE FUNCTION public.keep_texted_bookings() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    IF EXISTS (SELECT FROM public.private_booking_sms_queue WHERE booking_id = OLD.id AND status = 'sent') THEN
        RAISE EXCEPTION 'a booking that was texted is cancelled, not deleted';
    END IF;
    RETURN OLD;
END
$$;
CREATE TRIGGER private_bookings_keep BEFORE DELETE ON public.private_bookings
    FOR EACH ROW EXECUTE FUNCTION public.keep_texted_bookings();

-- Row-level security as a hosted PostgreSQL has it: without a policy a role sees nothing, and no error says so.
DO $$
DECLARE table_name text;
BEGIN
    FOREACH table_name IN ARRAY ARRAY['customers', 'private_bookings', 'private_booking_sms_queue'] LOOP
        EXECUTE format('ALTER TABLE public.%I OWNER TO venue_owner', table_name);
        EXECUTE format('ALTER TABLE public.%I ENABLE ROW LEVEL SECURITY', table_name);
        EXECUTE format('CREATE POLICY application ON public.%I FOR ALL TO venue_app USING (true) WITH CHECK (true)',
                       table_name);
        EXECUTE format('CREATE POLICY reconciler_select ON public.%I FOR SELECT '
                       'TO reconciler_job, reconciler_reader USING (true)', table_name);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON public.%I TO venue_app', table_name);
        EXECUTE format('GRANT SELECT ON public.%I TO reconciler_job, reconciler_reader', table_name);
    END LOOP;
END
$$;

-- What the job may do besides looking, and nothing more.
CREATE POLICY reconciler_update ON public.private_bookings FOR UPDATE TO reconciler_job USING (true) WITH CHECK (true);
GRANT UPDATE (calendar_event_id) ON public.private_bookings TO reconciler_job;
CREATE POLICY reconciler_insert ON public.private_booking_sms_queue FOR INSERT TO reconciler_job WITH CHECK (true);
CREATE POLICY reconciler_update ON public.private_booking_sms_queue FOR UPDATE TO reconciler_job
    USING (starts_with(error_message, 'reconciler: ')) WITH CHECK (true);
GRANT INSERT, UPDATE (status, twilio_message_sid, sent_at, error_message) ON public.private_booking_sms_queue
    TO reconciler_job;
CREATE SCHEMA reconciler AUTHORIZATION reconciler_job;
