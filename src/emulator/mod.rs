//! The built-in cloud: Elastic Beanstalk, ECR, S3 and STS as the SDK sees them.

pub mod ecr;
pub mod s3;
