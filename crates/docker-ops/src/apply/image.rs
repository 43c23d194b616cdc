//! Images: pulled or built.

use std::collections::{BTreeMap, HashMap};

use bollard::{
    body_try_stream,
    query_parameters::{BuildImageOptionsBuilder, CreateImageOptionsBuilder},
};
use futures_util::TryStreamExt;

use super::{Progress, ProgressSink, context};
use crate::{Engine, Error, Image};

impl Engine {
    pub(super) async fn pull(&self, reference: &str, progress: ProgressSink<'_>) -> Result<(), Error> {
        let failed = |error| {
            let hint = "see that its name is right; for a private registry run `docker login` and `docker pull` first";
            Error::of(format!("image `{reference}` can't be pulled"), error).hint(hint)
        };
        let options = CreateImageOptionsBuilder::default().from_image(&tagged(reference)).build();
        let mut layers = BTreeMap::<String, (u64, u64)>::new();
        let mut told = self.docker().create_image(Some(options), None, None);
        while let Some(news) = told.try_next().await.map_err(failed)? {
            let (Some(layer), Some(detail)) = (news.id, news.progress_detail) else { continue };
            let (Some(current), Some(total)) = (detail.current, detail.total) else { continue };
            layers.insert(layer, (current.try_into().unwrap_or_default(), total.try_into().unwrap_or_default()));
            let (done, total) = layers.values().fold((0, 0), |(done, all), (current, total)| (done + current, all + total));
            progress(Progress::Pulling { reference: reference.to_owned(), done, total })?;
        }
        Ok(())
    }

    /// Builds the image of that folder; one that is only named is nothing to build.
    ///
    /// # Errors
    /// A folder that can't be read, and what the engine says of a build that failed.
    pub async fn build_image(&self, image: &Image, progress: ProgressSink<'_>) -> Result<(), Error> {
        let Image::Build { tag, context, dockerfile, args, secrets } = image else { return Ok(()) };
        let options = BuildImageOptionsBuilder::default()
            .dockerfile(dockerfile)
            .t(tag)
            .rm(true)
            .forcerm(true)
            .buildargs(&args.clone().into_iter().collect::<HashMap<_, _>>())
            .build();
        let (archive, packing) = context::archive(context.clone(), dockerfile.clone(), secrets.clone());
        let mut told = std::pin::pin!(self.docker().build_image(options, None, Some(body_try_stream(archive))));
        let ended = loop {
            match told.try_next().await {
                Ok(Some(news)) => {
                    let text = news.stream.unwrap_or_default();
                    let mut lines = text.lines().filter(|line| !line.trim().is_empty());
                    lines.try_for_each(|line| progress(Progress::Building(line.to_owned())))?;
                }
                Ok(None) => break Ok(()),
                Err(error) => break Err(Error::of(format!("image `{tag}` can't be built"), error)),
            }
        };
        // What the engine says of an archive that broke off is not the reason.
        match packing.await {
            Ok(packed) => packed.and(ended),
            Err(_) => ended,
        }
    }
}

/// A reference that names one image: without a tag an engine would pull all there are.
fn tagged(reference: &str) -> String {
    let name = reference.rsplit('/').next().unwrap_or(reference);
    if name.contains([':', '@']) { reference.to_owned() } else { format!("{reference}:latest") }
}

#[cfg(test)]
mod tests {
    #[test]
    fn one_image_is_meant() {
        for (reference, one) in [
            ("comfyui", "comfyui:latest"),
            ("host:5000/comfyui", "host:5000/comfyui:latest"),
            ("host:5000/comfyui:1", "host:5000/comfyui:1"),
            ("comfyui@sha256:12", "comfyui@sha256:12"),
        ] {
            assert_eq!(super::tagged(reference), one);
        }
    }
}
