//! Export of traces by OTLP. Without the feature `otlp`, nothing is exported.
//!
//! The variables of the OpenTelemetry specification configure it: `OTEL_EXPORTER_OTLP_ENDPOINT` turns it on;
//! `OTEL_EXPORTER_OTLP_HEADERS`, `OTEL_SERVICE_NAME`, `OTEL_TRACES_SAMPLER` and others are read too. Spans contain what the
//! log contains: ids, routes, codes and times.

#[cfg(feature = "otlp")]
pub(crate) use export::join;
#[cfg(feature = "otlp")]
pub(super) use export::{flush, layer};

/// Makes `span` a part of the caller's trace, if the caller names one. Returns the name of the trace for work that follows
/// from the span: the caller's own if nothing is exported.
#[cfg(not(feature = "otlp"))]
pub(crate) fn join(_span: &tracing::Span, caller: Option<String>) -> Option<String> {
    caller
}

#[cfg(feature = "otlp")]
mod export {
    use std::sync::OnceLock;

    use opentelemetry::trace::{
        SpanContext, SpanId, TraceContextExt as _, TraceFlags, TraceId, TraceState, TracerProvider as _,
    };
    use opentelemetry::{Context, KeyValue};
    use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig as _};
    use opentelemetry_sdk::Resource;
    use opentelemetry_sdk::trace::SdkTracerProvider;
    use tracing::Subscriber;
    use tracing_opentelemetry::OpenTelemetrySpanExt as _;
    use tracing_subscriber::Layer;
    use tracing_subscriber::registry::LookupSpan;

    /// One of them turns the export on.
    const ENDPOINTS: [&str; 2] = ["OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"];

    const NAME: &str = "zkflow";

    static PROVIDER: OnceLock<SdkTracerProvider> = OnceLock::new();

    /// The layer that exports spans; `None` if the environment does not turn it on. Must not be called in an async runtime.
    ///
    /// # Errors
    /// The variables of the environment are invalid.
    pub(in super::super) fn layer<S>() -> Result<Option<Box<dyn Layer<S> + Send + Sync>>, String>
    where
        S: Subscriber + for<'a> LookupSpan<'a> + Send + Sync,
    {
        if !ENDPOINTS.iter().any(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty())) {
            return Ok(None);
        }
        let exporter = SpanExporter::builder().with_http().with_protocol(Protocol::HttpBinary).build();
        let exporter = exporter.map_err(|error| format!("traces are not exported: {error}"))?;
        let mut resource =
            Resource::builder().with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")));
        if std::env::var_os("OTEL_SERVICE_NAME").is_none() {
            resource = resource.with_service_name(NAME);
        }
        let provider = SdkTracerProvider::builder()
            .with_batch_exporter(exporter)
            .with_resource(resource.build())
            .build();
        let tracer = PROVIDER.get_or_init(|| provider).tracer(NAME);
        Ok(Some(tracing_opentelemetry::layer().with_tracer(tracer).with_location(false).boxed()))
    }

    /// Sends what has not been sent. Must not be called in an async runtime.
    pub(in super::super) fn flush() {
        if let Some(Err(error)) = PROVIDER.get().map(SdkTracerProvider::shutdown) {
            tracing::warn!(%error, "the last spans were not exported");
        }
    }

    /// Makes `span` a part of the caller's trace, if the caller names one. Returns the name of the trace for work that
    /// follows from the span: the caller's own if nothing is exported.
    pub(crate) fn join(span: &tracing::Span, caller: Option<String>) -> Option<String> {
        if PROVIDER.get().is_none() {
            return caller;
        }
        if let Some(parent) = caller.as_deref().and_then(parse) {
            // Fails if the span is filtered out or has begun; it is then not part of the trace.
            let _ = span.set_parent(Context::new().with_remote_span_context(parent));
        }
        let context = span.context();
        let own = context.span().span_context().clone();
        let text = || format!("00-{}-{}-{:02x}", own.trace_id(), own.span_id(), own.trace_flags().to_u8());
        if own.is_valid() { Some(text()) } else { caller }
    }

    /// Reads the form of W3C Trace Context, version 00.
    fn parse(traceparent: &str) -> Option<SpanContext> {
        let mut parts = traceparent.split('-').skip(1);
        let (trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?);
        let context = SpanContext::new(
            TraceId::from_hex(trace).ok()?,
            SpanId::from_hex(span).ok()?,
            TraceFlags::new(u8::from_str_radix(flags, 16).ok()?),
            true,
            TraceState::default(),
        );
        context.is_valid().then_some(context)
    }
}
