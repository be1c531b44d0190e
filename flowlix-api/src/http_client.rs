//! An HTTP client with the TLS that the crate's features chose, and no policy.

/// A builder with TLS as the features say; where both are on, `rustls-aws-lc` wins over `rustls-ring`. With
/// neither only plain HTTP works, which Flowlix refuses.
///
/// It sets no timeout: whoever builds the client decides.
///
/// # Errors
/// When the platform's certificate store cannot be used.
pub fn http_client_builder() -> Result<reqwest::ClientBuilder, TlsError> {
    let builder = reqwest::Client::builder();
    #[cfg(all(feature = "rustls-ring", not(feature = "rustls-aws-lc")))]
    let builder = builder.tls_backend_preconfigured(rustls_on_ring()?);
    Ok(builder)
}

/// The provider is given to this one client and not installed for the whole process: that choice is the
/// application's.
#[cfg(all(feature = "rustls-ring", not(feature = "rustls-aws-lc")))]
fn rustls_on_ring() -> Result<rustls::ClientConfig, TlsError> {
    use rustls_platform_verifier::BuilderVerifierExt;

    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(BuilderVerifierExt::with_platform_verifier)
        .map_err(|error| TlsError(Box::new(error)))?;
    Ok(config.with_no_client_auth())
}

/// TLS could not be set up.
#[derive(Debug)]
pub struct TlsError(Box<dyn std::error::Error + Send + Sync>);

impl std::fmt::Display for TlsError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TLS cannot be set up with this platform's certificates")
    }
}

impl std::error::Error for TlsError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&*self.0)
    }
}
