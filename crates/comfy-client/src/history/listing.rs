//! Many runs at once.

use crate::client::Client;
use crate::error::Error;
use crate::history::HistoryEntry;
use crate::judge::not_comfy;
use crate::request::Request;

impl Client {
    /// The newest `max_items` runs with their ids, oldest first; after `offset` of the oldest instead, if one is given
    /// (`GET /history`). Each comes with its whole workflow.
    ///
    /// ```no_run
    /// # async fn example(client: comfy_client::Client) -> Result<(), comfy_client::Error> {
    /// for (prompt_id, entry) in client.histories(10, None).await? {
    ///     println!("{prompt_id}: {}", entry.into_outcome(&prompt_id));
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`Client::health`].
    pub async fn histories(&self, max_items: usize, offset: Option<usize>) -> Result<Vec<(String, HistoryEntry)>, Error> {
        let request = Request::get("/history").query("max_items", max_items.to_string());
        let request = offset.iter().fold(request, |request, offset| request.query("offset", offset.to_string()));
        let serde_json::Value::Object(entries) = self.transport().json(&request).await? else {
            return Err(not_comfy(self.url(), "does not show its history").with_status(200));
        };
        Ok(entries.into_iter().filter_map(|(id, raw)| Some((id, HistoryEntry::read(raw)?))).collect())
    }
}
