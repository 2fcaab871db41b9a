//! What forecasts are made with at first: the configured model with its library, or the rule.

use ridethrough_model::{LoadError, SignedModel};

use super::{Library, RuntimeUse, Stage, load};
use crate::config::ForecastFiles;

/// The configured model.
pub fn load_model(files: &ForecastFiles, runtime: &RuntimeUse) -> Result<SignedModel, LoadError> {
    load(files, [&files.model, &files.manifest], runtime)
}

/// What forecasts are made with. A model that is refused costs efficiency and never the replica: it runs on the rule, and
/// says so.
pub fn stage(forecast: Option<&ForecastFiles>, runtime: &RuntimeUse) -> (Stage, Library) {
    let Some(files) = forecast else { return (Stage::without_model(), Library::new(None, None, runtime.clone())) };
    let (mut stage, fault) = match load_model(files, runtime) {
        Ok(model) => {
            tracing::info!(model = %model.id, "forecasts come from a signed model");
            tell_runtime(model.runtime.as_ref(), runtime);
            (Stage::with_default(model), None)
        }
        Err(error) => {
            let reason = error.fault();
            tracing::error!(%error, reason = reason.as_str(), "MODEL REFUSED: forecasts come from the rule");
            (Stage::refused(reason), Some(reason))
        }
    };
    let mut library = Library::new(Some(files.clone()), fault, runtime.clone());
    library.scan().into_iter().for_each(|model| stage.add(model));
    (stage, library)
}

/// Says by what the model is run. Without its runtime it is run by our own step, as good and a little slower.
fn tell_runtime(fault: Option<&LoadError>, runtime: &RuntimeUse) {
    metrics::describe_gauge!("ridethrough_model_native", "1 while the model is run without its runtime");
    metrics::gauge!("ridethrough_model_native").set(f64::from(u8::from(fault.is_some())));
    // That it was given up was said when it was.
    if let Some(error) = fault.filter(|_| !runtime.is_given_up()) {
        tracing::error!(%error, "NO RUNTIME: the model is run by the replica's own step");
    }
}
