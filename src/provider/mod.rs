//! What makes environments: Elastic Beanstalk.
