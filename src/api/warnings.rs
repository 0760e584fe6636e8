//! Oddities of a HelmRelease that are accepted, and what is made of them.
//!
//! In goes a HelmRelease, out come sentences for an event and a condition message.
//! Flux refuses some of these and ignores others without a word.
//! Invariant: the same object always gives the same warnings in the same order, and none holds a value.

use super::action::{ActionStrategyName, ServerSideApplyMode};
use super::chart::HelmChartTemplateSpec;
use super::helm_release::HelmRelease;
use super::source::{ANY_VERSION, SourceKind};

impl HelmRelease {
    /// One sentence for each oddity, in the order of the fields.
    pub fn warnings(&self) -> Vec<String> {
        let mut found = Vec::new();
        if let Some(spec) = self.spec.chart.as_ref().and_then(|chart| chart.spec.as_ref()) {
            warn_of_chart(spec, &mut found);
        }
        self.warn_of_values(&mut found);
        self.warn_of_post_renderers(&mut found);
        self.warn_of_actions(&mut found);
        self.warn_of_waits(&mut found);
        found
    }

    fn warn_of_values(&self, found: &mut Vec<String>) {
        for (index, reference) in self.spec.values_from.iter().enumerate() {
            if reference.literal && reference.target_path.is_none() {
                found.push(format!("spec.valuesFrom[{index}].literal has no effect without targetPath"));
            }
        }
    }

    fn warn_of_post_renderers(&self, found: &mut Vec<String>) {
        for (index, post_renderer) in self.spec.post_renderers.iter().enumerate() {
            let Some(kustomize) = &post_renderer.kustomize else { continue };
            let path = format!("spec.postRenderers[{index}].kustomize");
            if !kustomize.patches_strategic_merge.is_empty() {
                found.push(format!("{path}.patchesStrategicMerge is an old form of patches"));
            }
            if !kustomize.patches_json6902.is_empty() {
                found.push(format!("{path}.patchesJson6902 is an old form of patches"));
            }
        }
    }

    fn warn_of_actions(&self, found: &mut Vec<String>) {
        if let Some(install) = &self.spec.install
            && install.skip_crds
        {
            found.push(match install.crds {
                None => "spec.install.skipCRDs is read as spec.install.crds: Skip".to_owned(),
                Some(_) => "spec.install.skipCRDs has no effect beside spec.install.crds".to_owned(),
            });
        }
        if let Some(upgrade) = &self.spec.upgrade {
            if upgrade.remediation.is_some_and(|remediation| remediation.cleanup_on_fail.is_some()) {
                found.push("spec.upgrade.remediation.cleanupOnFail is read as spec.upgrade.cleanupOnFail".to_owned());
            }
            if upgrade.force && upgrade.server_side_apply == Some(ServerSideApplyMode::Enabled) {
                found.push("spec.upgrade.force has no effect with server-side apply".to_owned());
            }
        }
        if let Some(rollback) = &self.spec.rollback {
            if rollback.recreate {
                found.push("spec.rollback.recreate has no effect".to_owned());
            }
            if rollback.force && rollback.server_side_apply == Some(ServerSideApplyMode::Enabled) {
                found.push("spec.rollback.force has no effect with server-side apply".to_owned());
            }
        }
    }

    fn warn_of_waits(&self, found: &mut Vec<String>) {
        let install = self.spec.install.as_ref();
        let upgrade = self.spec.upgrade.as_ref();
        let rollback = self.spec.rollback.as_ref();
        let disabled = [
            ("install", install.is_some_and(|action| action.disable_wait)),
            ("upgrade", upgrade.is_some_and(|action| action.disable_wait)),
            ("rollback", rollback.is_some_and(|action| action.disable_wait)),
        ];
        let strategies = [
            ("install", install.and_then(|action| action.strategy)),
            ("upgrade", upgrade.and_then(|action| action.strategy)),
        ];
        if self.is_atomic() && self.spec.wait == Some(false) {
            found.push("spec.wait: false has no effect, because spec.atomic waits".to_owned());
        }
        for (action, _) in disabled.iter().filter(|(_, is_disabled)| *is_disabled) {
            if self.is_atomic() {
                found.push(format!("spec.{action}.disableWait has no effect, because spec.atomic waits"));
            } else if self.spec.wait == Some(true) {
                found.push(format!("spec.{action}.disableWait wins over spec.wait: true"));
            }
        }
        for (action, strategy) in strategies {
            let retries = strategy.is_some_and(|strategy| strategy.name == ActionStrategyName::RetryOnFailure);
            if self.is_atomic() && retries {
                found.push(format!(
                    "spec.{action}.strategy RetryOnFailure wins over spec.atomic: failures stay as they are"
                ));
            }
        }
    }
}

fn warn_of_chart(spec: &HelmChartTemplateSpec, found: &mut Vec<String>) {
    let kind = spec.source_ref.kind;
    if kind == SourceKind::OciRepository {
        found.push(
            "spec.chart.spec.sourceRef.kind OCIRepository is accepted; spec.chartRef is the usual form".to_owned(),
        );
    }
    if matches!(kind, SourceKind::GitRepository | SourceKind::Bucket) && spec.version != ANY_VERSION {
        found.push(format!("spec.chart.spec.version has no effect for a source of kind {}", kind.as_str()));
    }
    if spec.values_file.is_some() {
        found.push("spec.chart.spec.valuesFile is an old form of valuesFiles".to_owned());
    }
}
