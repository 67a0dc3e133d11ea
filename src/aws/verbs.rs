//! The allow-list: what this program may ever say to AWS.

use std::time::Duration;

/// One AWS operation that may be called.
#[derive(Debug, PartialEq, Eq)]
pub struct Verb {
    /// The service by its signing name, such as `elasticbeanstalk`.
    pub service: &'static str,
    /// The operation as AWS spells it.
    pub operation: &'static str,
    /// Whether it changes anything: then it is sent once, never by the SDK's
    /// own retry (a lost reply would come back as a false "already exists"),
    /// and only while the gate is open.
    pub mutating: bool,
    /// How long one attempt may take on the wire, body included. Of a leader's
    /// mutating calls the lease bounds it further.
    pub attempt: Duration,
}

const fn read(service: &'static str, operation: &'static str) -> Verb {
    Verb { service, operation, mutating: false, attempt: Duration::from_secs(20) }
}

const fn write(service: &'static str, operation: &'static str, seconds: u64) -> Verb {
    Verb { service, operation, mutating: true, attempt: Duration::from_secs(seconds) }
}

const EB: &str = "elasticbeanstalk";
const TABLES: &str = "dynamodb";

/// A read of rows: answered in milliseconds, or not at all.
const fn look(operation: &'static str) -> Verb {
    Verb { service: TABLES, operation, mutating: false, attempt: Duration::from_secs(4) }
}

// Beanstalk accepts or refuses within seconds; what the call sets going is
// followed by reading. An answer that takes longer is one more unknown outcome.

/// Every verb. An operation that is not here is stopped before the wire.
pub static VERBS: &[Verb] = &[
    read(EB, "CheckDNSAvailability"),
    read(EB, "DescribeAccountAttributes"),
    read(EB, "DescribeApplicationVersions"),
    read(EB, "DescribeApplications"),
    read(EB, "DescribeConfigurationOptions"),
    read(EB, "DescribeConfigurationSettings"),
    read(EB, "DescribeEnvironmentHealth"),
    read(EB, "DescribeEnvironments"),
    read(EB, "DescribeEvents"),
    read(EB, "ListAvailableSolutionStacks"),
    read(EB, "ListPlatformVersions"),
    read(EB, "ListTagsForResource"),
    read(EB, "RetrieveEnvironmentInfo"),
    read(EB, "ValidateConfigurationSettings"),
    write(EB, "AbortEnvironmentUpdate", 15),
    write(EB, "CreateApplication", 15),
    write(EB, "CreateApplicationVersion", 15),
    write(EB, "CreateConfigurationTemplate", 15),
    write(EB, "CreateEnvironment", 15),
    write(EB, "CreateStorageLocation", 15),
    write(EB, "DeleteApplicationVersion", 15),
    write(EB, "DeleteConfigurationTemplate", 15),
    write(EB, "DeleteEnvironmentConfiguration", 15),
    write(EB, "RebuildEnvironment", 15),
    write(EB, "RequestEnvironmentInfo", 15),
    write(EB, "RestartAppServer", 15),
    write(EB, "TerminateEnvironment", 15),
    write(EB, "UpdateEnvironment", 15),
    write(EB, "UpdateTagsForResource", 15),
    read("ecr", "BatchGetImage"),
    read("ecr", "DescribeRepositories"),
    look("BatchGetItem"),
    look("DescribeContinuousBackups"),
    look("DescribeTable"),
    look("DescribeTimeToLive"),
    look("GetItem"),
    read(TABLES, "Query"),
    read(TABLES, "Scan"),
    write(TABLES, "BatchWriteItem", 8),
    write(TABLES, "CreateTable", 15),
    // A renewal of the lease must not hang.
    write(TABLES, "DeleteItem", 4),
    write(TABLES, "PutItem", 4),
    write(TABLES, "TransactWriteItems", 8),
    write(TABLES, "UpdateContinuousBackups", 15),
    write(TABLES, "UpdateItem", 4),
    write(TABLES, "UpdateTable", 15),
    write(TABLES, "UpdateTimeToLive", 15),
    read("s3", "HeadBucket"),
    read("s3", "HeadObject"),
    write("s3", "DeleteObject", 15),
    // A person's bundle may be up to 500 MB; a leader's is some kilobytes.
    write("s3", "PutObject", 600),
    read("sts", "GetCallerIdentity"),
];

impl Verb {
    /// The verb of an SDK operation, by the SDK's service id (`Elastic
    /// Beanstalk`) and operation name; `None` when it is not allowed.
    pub fn find(service_id: &str, operation: &str) -> Option<&'static Verb> {
        let service = match service_id {
            "Elastic Beanstalk" => EB,
            "DynamoDB" => TABLES,
            "ECR" => "ecr",
            "S3" => "s3",
            "STS" => "sts",
            _ => return None,
        };
        VERBS.iter().find(|verb| verb.service == service && verb.operation == operation)
    }

    /// Whether the body of a successful reply lacks its end. The SDK's XML
    /// decoder is content with half a document, which would be half a
    /// listing; what a query-protocol service sends ends in the operation's
    /// own tag.
    pub(super) fn is_cut_short(&self, body: &[u8]) -> bool {
        let end = format!("</{}Response>", self.operation);
        matches!(self.service, EB | "sts") && !body.trim_ascii_end().ends_with(end.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_verb_is_listed_once() {
        let names: BTreeSet<_> = VERBS.iter().map(|verb| (verb.service, verb.operation)).collect();
        assert_eq!(names.len(), VERBS.len());
    }

    #[test]
    fn what_destroys_more_than_one_environment_is_not_a_verb() {
        for operation in ["DeleteApplication", "SwapEnvironmentCNAMEs", "ComposeEnvironments"] {
            assert_eq!(Verb::find("Elastic Beanstalk", operation), None);
        }
        assert_eq!(Verb::find("S3", "DeleteBucket"), None);
        for operation in ["DeleteTable", "RestoreTableToPointInTime", "ExecuteStatement"] {
            assert_eq!(Verb::find("DynamoDB", operation), None);
        }
        assert_eq!(Verb::find("Elastic Beanstalk", "GetCallerIdentity"), None);
    }

    #[test]
    fn half_a_document_is_seen() {
        let verb = Verb::find("Elastic Beanstalk", "DescribeEnvironments").unwrap();
        assert!(!verb.is_cut_short(b"<DescribeEnvironmentsResponse></DescribeEnvironmentsResponse>\n"));
        assert!(verb.is_cut_short(b"<DescribeEnvironmentsResponse><Environments></Environments>"));
        assert!(verb.is_cut_short(b""));
        assert!(!Verb::find("S3", "HeadObject").unwrap().is_cut_short(b""));
    }

    #[test]
    fn reads_do_not_mutate() {
        for verb in VERBS {
            let reads = [
                "Describe", "List", "Check", "Validate", "Retrieve", "BatchGet", "Head", "Get", "Query",
                "Scan",
            ];
            assert_eq!(
                verb.mutating,
                !reads.iter().any(|read| verb.operation.starts_with(read)),
                "{}",
                verb.operation
            );
        }
    }
}
