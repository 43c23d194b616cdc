//! What is there of a project, in our own words.

mod container;
mod traits;

pub use container::{Container, ContainerHealth, ContainerState, Exit, LastProbe, Published};
pub use traits::Difference;

use std::collections::{BTreeMap, HashMap};

use bollard::{
    models::ImageInspect,
    query_parameters::{InspectContainerOptions, ListNetworksOptionsBuilder},
};
use futures_util::{StreamExt, TryStreamExt, stream};

use crate::{Engine, Error, ProjectScope, StackSpec, answer, create, labels};

/// How many containers are asked about at once.
const AT_ONCE: usize = 8;

/// What ends the name of a container that is to take another's place.
pub(crate) const NEXT: &str = ".next";

/// Differences that may be an engine's, which leaves away what its kernel can't bound.
const LIMITS: [&str; 3] = ["memory", "memory and swap", "processes"];

const NO_LABEL: &str = "it carries no label of a project";

/// A project as the engine has it, beside its specification.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Observed {
    /// The project's containers, by name. Those made for one command only are not among them.
    pub containers: Vec<Container>,
    /// What has a name or a label that would be ours, and is not: never touched.
    pub strangers: Vec<Stranger>,
    /// The ids of the project's network. An engine takes several of one name: a run that was cut off may leave a second one.
    pub networks: Vec<String>,
    /// The image of each service of the specification, where the engine has it.
    pub images: BTreeMap<String, ImageFacts>,
}

/// Something of somebody else that stands in the way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stranger {
    /// What it is, and its name.
    pub what: String,
    /// How it is known to be somebody else's.
    pub because: String,
    /// The service whose container can't be made for it; none if the whole project can't.
    pub service: Option<String>,
    /// What its owner may do with it.
    pub hint: String,
}

/// What of an image decides about its containers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct ImageFacts {
    /// `sha256:…`
    pub id: String,
    /// The user that its containers run as, if it names one.
    pub user: Option<String>,
    pub(crate) env: Vec<String>,
    pub(crate) entrypoint: Vec<String>,
    pub(crate) cmd: Vec<String>,
    pub(crate) volumes: Vec<String>,
}

impl Stranger {
    fn new(what: String, because: String) -> Self {
        let hint = "it was not touched; rename or remove it yourself, or choose another `project` in `[stack]` of genai.toml";
        Stranger { what, because, service: None, hint: hint.to_owned() }
    }

    /// Made of a `compose.yaml` in our folder, or with the labels that Compose would give it: its project's name is the folder's too.
    fn of_compose(what: String, folder: &str) -> Self {
        Stranger {
            hint: format!(
                "it was not touched: run `docker compose down` in `{folder}`, or choose another `project` in `[stack]` of genai.toml"
            ),
            ..Stranger::new(what, "it carries the project's label, and `genai-stack` did not make it".to_owned())
        }
    }
}

impl Observed {
    /// The container of `service`, if the project has one.
    #[must_use]
    pub fn of(&self, service: &str) -> Option<&Container> {
        self.containers.iter().find(|one| one.service == service && !one.is_next())
    }

    /// Containers of the project whose service the specification has not.
    pub fn orphans<'a>(&'a self, spec: &'a StackSpec) -> impl Iterator<Item = &'a Container> {
        self.containers.iter().filter(|one| !spec.services.contains_key(&one.service))
    }
}

impl Engine {
    /// Looks at all that is there of the project.
    ///
    /// # Errors
    /// Whatever keeps the engine from telling.
    pub async fn observe(&self, spec: &StackSpec) -> Result<Observed, Error> {
        let (found, network) = tokio::try_join!(self.project_containers(spec), self.project_networks(spec))?;
        let ((mut containers, mut strangers), (networks, other_networks)) = (found, network);
        strangers.extend(other_networks);
        let mut images = BTreeMap::new();
        for (name, service) in &spec.services {
            if let Some(image) = self.image(service.image.reference()).await? {
                images.insert(name.clone(), image);
            }
            let wanted = labels::container_name(&spec.project, name);
            if containers.iter().all(|one| one.name != wanted) {
                strangers.extend(self.holder_of(&wanted, name, &spec.project).await?);
            }
        }
        for one in &mut containers {
            let (Some(service), Some(image)) = (spec.services.get(&one.service), images.get(&one.service)) else { continue };
            let own = if one.image_id == image.id { Some(image.clone()) } else { self.image(&one.image_id).await? };
            let body = create::body(spec, &one.service, service, image);
            one.drift = traits::difference(&body, &one.seen, image, own.as_ref(), &spec.network());
            if one.has_lost(&spec.network(), &networks) {
                let (wanted, found) = (Some(spec.network()), Some("one that is gone".to_owned()));
                one.drift.push(Difference { field: "network".to_owned(), wanted, found });
            }
        }
        if containers.iter().flat_map(|one| &one.drift).any(|one| LIMITS.contains(&&*one.field)) {
            let unbounded = self.facts().await?.unbounded;
            containers.iter_mut().for_each(|one| one.drift.retain(|drift| !unbounded.contains(&&*drift.field)));
        }
        Ok(Observed { containers, strangers, networks, images })
    }

    /// What the engine has under `reference`.
    ///
    /// # Errors
    /// Whatever keeps the engine from telling.
    pub async fn image(&self, reference: &str) -> Result<Option<ImageFacts>, Error> {
        let answer = self.docker().inspect_image(reference).await;
        let known = answer::known(format!("image `{reference}`"), answer)?;
        Ok(known.map(|image: ImageInspect| {
            let config = image.config.unwrap_or_default();
            ImageFacts {
                id: image.id.unwrap_or_default(),
                user: config.user.filter(|user| !user.is_empty()),
                env: config.env.unwrap_or_default(),
                entrypoint: config.entrypoint.unwrap_or_default(),
                cmd: config.cmd.unwrap_or_default(),
                volumes: config.volumes.unwrap_or_default(),
            }
        }))
    }

    /// One container by name or id, as it is now; without what a specification would say of it.
    ///
    /// # Errors
    /// Whatever keeps the engine from telling.
    pub async fn container(&self, name: &str) -> Result<Option<Container>, Error> {
        let answer = self.docker().inspect_container(name, None::<InspectContainerOptions>).await;
        Ok(answer::known(format!("container `{name}`"), answer)?.map(Container::from))
    }

    async fn project_containers(&self, spec: &StackSpec) -> Result<(Vec<Container>, Vec<Stranger>), Error> {
        let ids = self.members(&ProjectScope::named(&spec.project)).await?.into_iter().map(|one| one.id);
        // One that went away since it was listed is simply not there.
        let found: Vec<Container> = stream::iter(ids)
            .map(|id| async move { self.container(&id).await })
            .buffered(AT_ONCE)
            .try_filter_map(|one| async move { Ok(one) })
            .try_collect()
            .await?;
        let folder = spec.working_dir.display().to_string();
        let (mut own, others): (Vec<_>, Vec<_>) =
            found.into_iter().partition(|one| one.is_ours && one.working_dir.as_deref() == Some(&folder));
        own.sort_by(|one, other| one.name.cmp(&other.name));
        let strangers = others.into_iter().map(|one| {
            let what = format!("container `{}`", one.name);
            match &one.working_dir {
                Some(other) if *other == folder => Stranger::of_compose(what, &folder),
                Some(other) => Stranger::new(what, format!("it is of a project `{}` in `{other}`", spec.project)),
                None => Stranger::new(what, format!("it is of a project `{}` in no folder", spec.project)),
            }
        });
        let strangers = strangers.collect();
        Ok((own, strangers))
    }

    /// Who has the name that the container of `service` needs, if it is not of the project.
    async fn holder_of(&self, wanted: &str, service: &str, project: &str) -> Result<Option<Stranger>, Error> {
        let holder = self.container(wanted).await?.filter(|one| one.project.as_deref() != Some(project));
        Ok(holder.map(|holder| {
            let because = match holder.project {
                Some(other) => format!("it is of the project `{other}`"),
                None => NO_LABEL.to_owned(),
            };
            Stranger { service: Some(service.to_owned()), ..Stranger::new(format!("container `{wanted}`"), because) }
        }))
    }

    /// The project's networks, the oldest first, and who else has its name.
    pub(crate) async fn project_networks(&self, spec: &StackSpec) -> Result<(Vec<String>, Vec<Stranger>), Error> {
        let (name, folder) = (spec.network(), spec.working_dir.display().to_string());
        let filters = HashMap::from([("name", vec![name.as_str()])]);
        let options = ListNetworksOptionsBuilder::default().filters(&filters).build();
        let listed = self.docker().list_networks(Some(options)).await;
        let mut listed = listed.map_err(|error| Error::of(format!("network `{name}`"), error))?;
        // The filter takes parts of names too.
        listed.retain(|network| network.name.as_ref() == Some(&name));
        listed.sort_by(|one, other| one.created.cmp(&other.created));
        let (mut own, mut strangers) = (Vec::new(), Vec::new());
        for network in listed {
            let found = network.labels.unwrap_or_default();
            let label = |key: &str| found.get(key).map(String::as_str);
            let what = format!("network `{name}`");
            strangers.push(match (label(labels::PROJECT), label(labels::WORKING_DIR)) {
                (Some(project), Some(other)) if project == spec.project && other != folder => {
                    Stranger::new(what, format!("it is of a project `{project}` in `{other}`"))
                }
                (Some(project), Some(_)) if project == spec.project && labels::is_ours(label(labels::CONFIG_HASH)) => {
                    own.extend(network.id);
                    continue;
                }
                // Compose does not label a network with its folder.
                (Some(project), _) if project == spec.project => Stranger::of_compose(what, &folder),
                (Some(other), _) => Stranger::new(what, format!("it is of the project `{other}`")),
                (None, _) => Stranger::new(what, NO_LABEL.to_owned()),
            });
        }
        Ok((own, strangers))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{
        Endpoint, Image, Plan, PullPolicy, ServiceSpec, Wish,
        engine::tests::stand_in::{self, StandIn},
    };

    #[tokio::test]
    async fn what_compose_made_in_the_same_folder_is_a_strangers() {
        let labels = |hash: &str| {
            json!({"com.docker.compose.project": "p", "com.docker.compose.project.working_dir": "/p",
                   "com.docker.compose.service": "ui", "com.docker.compose.network": "default", "com.docker.compose.config-hash": hash})
        };
        for (made_by, hash, is_ours) in [("Compose", "0a1b2c", false), ("us", "genai-stack:0a1b2c", true)] {
            let network = json!([{"Id": "n", "Name": "p_default", "Labels": labels(hash)}]).to_string();
            let container =
                json!({"Id": "c", "Name": "/p-ui-1", "State": {"Status": "running"}, "Config": {"Labels": labels(hash)}});
            let stand_in = StandIn::engine("1.41", "1.12", move |line| match line {
                line if line.contains("/containers/json") => stand_in::json("200 OK", r#"[{"Id":"c"}]"#),
                line if line.contains("/containers/") => stand_in::json("200 OK", &container.to_string()),
                line if line.contains("/networks") => stand_in::json("200 OK", &network),
                _ => stand_in::json("404 Not Found", r#"{"message":"no such image"}"#),
            });
            let engine = Engine::connect(&Endpoint::Unix(stand_in.path.clone())).await.unwrap();
            let service = ServiceSpec::new(Image::Named { reference: "a".into(), pull: PullPolicy::Missing });
            let spec = StackSpec { project: "p".into(), working_dir: "/p".into(), services: [("ui".to_owned(), service)].into() };
            let seen = engine.observe(&spec).await.unwrap();
            let (up, wish) = (Plan::up(&spec, &seen, &Wish::default()), Wish { remove_orphans: true, ..Wish::default() });
            assert_eq!((seen.containers.len(), seen.networks.len()), (is_ours.into(), is_ours.into()), "made by {made_by}");
            assert_eq!(Plan::down(&spec, &seen, &wish).unwrap().steps.len(), if is_ours { 2 } else { 0 }, "made by {made_by}");
            assert_eq!(up.is_ok(), is_ours, "made by {made_by}");
            if let Err(error) = up {
                assert!(
                    error.to_string().contains("`p-ui-1`") && error.hints()[0].contains("`docker compose down` in `/p`"),
                    "{error}"
                );
            }
        }
    }

    #[tokio::test]
    async fn a_limit_that_the_engine_leaves_away_is_no_difference() {
        for (can_bound, expected) in [(true, vec!["memory", "memory and swap"]), (false, vec![])] {
            let service = ServiceSpec::new(Image::Named { reference: "a".into(), pull: PullPolicy::Missing });
            let mut spec =
                StackSpec { project: "p".into(), working_dir: "/p".into(), services: [("ui".to_owned(), service)].into() };
            let image = ImageFacts { id: "sha256:1".into(), ..ImageFacts::default() };
            let body = serde_json::to_value(create::body(&spec, "ui", &spec.services["ui"], &image)).unwrap();
            let made = json!({"Id": "c", "Name": "/p-ui-1", "Image": "sha256:1", "State": {"Status": "running"},
                              "Config": body, "HostConfig": body["HostConfig"]});
            let stand_in = StandIn::engine("1.41", "1.12", move |line| match line {
                line if line.contains("/containers/json") => stand_in::json("200 OK", r#"[{"Id":"c"}]"#),
                line if line.contains("/containers/") => stand_in::json("200 OK", &made.to_string()),
                line if line.contains("/images/") => stand_in::json("200 OK", r#"{"Id":"sha256:1"}"#),
                line if line.contains("/info") => {
                    stand_in::json("200 OK", &json!({"MemoryLimit": can_bound, "SwapLimit": can_bound}).to_string())
                }
                _ => stand_in::json("200 OK", "[]"),
            });
            let engine = Engine::connect(&Endpoint::Unix(stand_in.path.clone())).await.unwrap();
            spec.services.get_mut("ui").unwrap().limits.memory = Some(1 << 30);
            let seen = engine.observe(&spec).await.unwrap();
            assert_eq!(seen.containers[0].drift.iter().map(|one| &*one.field).collect::<Vec<_>>(), expected);
        }
    }
}
